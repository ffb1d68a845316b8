// Each plot is drawn when it is about to be seen: a page over many runs opens at once.
(() => {
  const settings = { responsive: true, displayModeBar: false, scrollZoom: false };
  const draw = (place) => {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const figure = JSON.parse(place.nextElementSibling.textContent);
    Plotly.newPlot(place, figure.data, { ...figure.layout, dragmode: false }, settings);
  };
  const places = [...document.querySelectorAll(".plot")];
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }),
    { rootMargin: "600px" },
  );
  places.forEach((place) => watcher.observe(place));
  // What is folded has no width to be drawn in.
  window.addEventListener("beforeprint", () => places.filter((place) => !place.closest("details:not([open])")).forEach(draw));
})();
