/** What is wrong with what is visible, as far as a program can see; it runs in the page. */
export function faultsOfAccess() {
  const faults = [];
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`two ${id}`);
  const text = (id) => document.getElementById(id)?.textContent?.trim();
  const nameOf = (element) =>
    element.getAttribute('aria-label') ||
    (element.getAttribute('aria-labelledby') ?? '').split(' ').map(text).join(' ').trim() ||
    [...(element.labels ?? [])]
      .map((label) => label.textContent)
      .join(' ')
      .trim() ||
    element.textContent.trim();
  const controls =
    'button, input, select, a[href], summary, dialog[open], [role="img"], [role="log"], nav, aside';
  for (const element of document.querySelectorAll(controls)) {
    if (element.checkVisibility() && !nameOf(element))
      faults.push(`no name: ${element.outerHTML.slice(0, 90)}`);
  }
  for (const image of document.querySelectorAll('img:not([alt])')) faults.push(`no alt: ${image.src}`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(' ')) {
        if (!document.getElementById(id)) faults.push(`${attribute} names ${id}, which is not there`);
      }
    }
  }
  const buttons = [...document.querySelectorAll('button, .button, input, select')];
  for (const element of buttons.filter((element) => element.checkVisibility())) {
    const { width, height } = element.getBoundingClientRect();
    // The smallest target of WCAG 2.2.
    if (element.type !== 'checkbox' && (width < 24 || height < 24)) faults.push(`small: ${element.id}`);
  }
  return [...faults, ...faultsOfContrast()];

  function faultsOfContrast() {
    const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const light = (value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const [r, g, b, a = 1] = channels(getComputedStyle(at).backgroundColor);
        if (a === 1) return [r, g, b];
      }
      return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll('body *:not(svg *, option, video)')) {
      const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      if (!isText || !element.checkVisibility({ opacityProperty: true }) || element.disabled) continue;
      if (element.closest('.unseen, .veil, :disabled')) continue;
      const pair = [channels(getComputedStyle(element).color), ground(element)].map(luminance);
      const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
      if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
    }
    return found;
  }
}
