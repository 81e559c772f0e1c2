/** What a page knows of the world around it and a library should react to. */

/** Called when something happened; each is optional to call. */
export interface PageListener {
  /** The network is back, or has changed. */
  online(): void;
  /** The page is looked at again. */
  visible(): void;
  /** The page goes into the back-forward cache. */
  hide(): void;
  /** The page comes out of it. */
  show(): void;
}

/** Watches the page and returns a function that stops watching. */
export type Page = (listener: PageListener) => () => void;

/** The page we are in; watches nothing where there is none. */
export const browserPage: Page = (listener) => {
  if (typeof document === 'undefined') return () => {};
  const stop = new AbortController();
  const { signal } = stop;
  addEventListener('online', () => listener.online(), { signal });
  document.addEventListener('visibilitychange', () => document.hidden || listener.visible(), { signal });
  addEventListener('pagehide', (event) => event.persisted && listener.hide(), { signal });
  addEventListener('pageshow', (event) => event.persisted && listener.show(), { signal });
  return () => stop.abort();
};
