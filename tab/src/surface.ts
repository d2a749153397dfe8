// A canvas as large as its place on the page, sharp on any screen.

export class Surface {
  readonly canvas = document.createElement("canvas");
  width = 0;
  height = 0;

  constructor(label: string, resized: () => void) {
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", label);
    new ResizeObserver(resized).observe(this.canvas);
  }

  /** Returns a pen on an empty surface, or null where it has no size, as in a tab that is not open. */
  begin(): CanvasRenderingContext2D | null {
    const { canvas } = this;
    [this.width, this.height] = [canvas.clientWidth, canvas.clientHeight];
    // Drawn by the processor: where there is no graphics card, the other way is fifty times as slow.
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    if (!this.width || !this.height || !pen) return null;
    const sharp = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(this.width * sharp), Math.round(this.height * sharp)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.clearRect(0, 0, this.width, this.height);
    return pen;
  }

  /** Returns where on the surface something happened. */
  place(event: { clientX: number; clientY: number }): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
