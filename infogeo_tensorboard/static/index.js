export async function render() {
  const line = document.createElement("p");
  line.textContent = "Information geometry: the page is being built.";
  document.body.append(line);
}
