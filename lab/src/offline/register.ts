/** Once the first screen stands and the page has time, everything is kept for when there is no net: first the page by
 * sw.js, then the digits, where nobody pays by the megabyte (`keepDigits`; they are 12 MB). */
export function keepForOffline(keepDigits: () => Promise<unknown>): void {
  // only on a secure origin, which 127.0.0.1 is too
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { serviceWorker, connection } = navigator as Navigator & {
    connection?: { saveData?: boolean; type?: string };
  };
  const keep = async (): Promise<void> => {
    await serviceWorker.register(new URL("./sw.js", document.baseURI));
    await serviceWorker.ready;
    if (!connection?.saveData && connection?.type !== "cellular") await keepDigits();
  };
  const begin = (): void =>
    void keep().catch((error: unknown) => console.info("not kept for offline use:", error));
  const whenIdle = (): void => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(begin, { timeout: 8000 });
    else setTimeout(begin, 3000);
  };
  if (document.readyState === "complete") whenIdle();
  else addEventListener("load", whenIdle, { once: true });
}
