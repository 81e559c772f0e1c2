/** Elements of the page: what every page of ours has, and pictures of people. */

import { make } from '../shared/elements.js';
import { hue, initials } from './names.js';

export { byId, draw, icon, make, show, toast } from '../shared/elements.js';

/** A picture of somebody: the letters of the name, for eyes only. @param {string} user @param {string} [state] */
export const avatar = (user, state = '') =>
  make('span', { class: `avatar hue${hue(user)} ${state}`, 'aria-hidden': 'true' }, initials(user));
