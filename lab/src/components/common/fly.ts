// The thing that was chosen moves to its new place, so that the eye keeps it.

/** An attachment: the element comes from where `from` was. */
export function flyFrom(from: DOMRect | null) {
  return (element: HTMLElement): void => {
    if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const to = element.getBoundingClientRect();
    if (!to.width || !from.width) return;
    element.animate(
      [
        {
          transformOrigin: "0 0",
          transform: `translate(${from.left - to.left}px, ${from.top - to.top}px) scale(${from.width / to.width}, ${from.height / to.height})`,
        },
        { transformOrigin: "0 0", transform: "none" },
      ],
      { duration: 420, easing: "cubic-bezier(.2,.8,.2,1)" },
    );
  };
}
