/** When what has changed is drawn. */

/**
 * Does something with the next picture of the screen. A page that is not seen gets no pictures: there it is done a moment later.
 * @param {() => void} then
 */
export function withNextPicture(then) {
  if (document.hidden) setTimeout(then, 200);
  else requestAnimationFrame(then);
}
