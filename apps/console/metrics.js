/** Figures in the text format of OpenMetrics: as much of it as our server writes. */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Metric */

/** @param {string} text @returns {Metric[]} */
export function parse(text) {
  /** @type {Metric[]} */
  const found = [];
  for (const line of text.split('\n')) {
    const parts = line.startsWith('#') ? null : LINE.exec(line);
    if (!parts) continue;
    const labels = [...(parts[2] ?? '').matchAll(LABEL)].map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)),
    ]);
    found.push({
      name: parts[1] ?? '',
      labels: Object.fromEntries(labels),
      value: parts[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(parts[3]),
    });
  }
  return found;
}

/** The value of a metric without labels. @param {Metric[]} metrics @param {string} name */
export const figure = (metrics, name) => metrics.find((metric) => metric.name === name)?.value;

/**
 * Below which time a part of what happened between two looks at a histogram stayed; the bound of its bucket.
 * @param {Metric[] | undefined} before
 * @param {Metric[]} after
 * @param {string} name
 * @param {number} part From 0 to 1.
 * @returns {number | null}
 */
export function quantile(before, after, name, part) {
  const buckets = (/** @type {Metric[]} */ metrics) =>
    metrics
      .filter((metric) => metric.name === `${name}_bucket`)
      .map(({ labels, value }) => ({
        bound: labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le),
        value,
      }));
  const earlier = new Map(buckets(before ?? []).map(({ bound, value }) => [bound, value]));
  const grown = buckets(after).map(({ bound, value }) => ({
    bound,
    value: value - (earlier.get(bound) ?? 0),
  }));
  const all = grown.at(-1)?.value ?? 0;
  if (!(all > 0)) return null;
  const found = grown.find(({ value }) => value >= all * part)?.bound;
  return found !== undefined && Number.isFinite(found) ? found : (grown.at(-2)?.bound ?? null);
}
