/** The call that this tab is in, kept for when it is loaded again. */

/** @typedef {{ id: string, peer: string, isVideo: boolean, since: number }} Kept */

const KEY = 'strowger.call';

/** What is kept of the call of this id. @param {string} id @returns {Kept | undefined} */
export function keptOf(id) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
    return kept.id === id ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** @param {Kept} call */
export const keep = (call) => sessionStorage.setItem(KEY, JSON.stringify(call));

export const forget = () => sessionStorage.removeItem(KEY);
