// Light or dark, as TensorBoard is.
import { INKS } from "./palette";
import type { Store } from "./store";

export function followTheme(store: Store): void {
  const body = parentBody();
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = body ? body.classList.contains("dark-mode") : system.matches;
    document.body.classList.toggle("dark", dark);
    store.inks = dark ? INKS.dark : INKS.light;
    store.tell("theme");
  };
  if (body) new MutationObserver(apply).observe(body, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", apply);
  apply();
}

function parentBody(): HTMLElement | null {
  try {
    return window.parent === window ? null : window.parent.document.body;
  } catch {
    return null; // the page stands in one of another origin, as in some notebooks
  }
}
