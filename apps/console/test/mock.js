/** A server that speaks the admin interface and is none: what it tells is what a test wants to see. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { LINKS, SERVICES } from './story.js';

const ROOT = new URL('../../../', import.meta.url);
const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
};
/** As the server has it; the tests against that see whether it still does. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const ROLES = ['read', 'operate', 'deploy'];

export class Mock {
  port = 0;
  /** Tokens with their roles; with none, nobody is asked. @type {Record<string, string>} */
  tokens = {};
  channels = [];
  calls = [];
  /** What happened in each call. @type {Map<string, object[]>} */
  events = new Map();
  services = structuredClone(SERVICES);
  links = LINKS;
  logs = [];
  isDraining = false;
  /** Whether there are streams of figures. */
  hasFigures = true;
  /** What was asked for. @type {string[]} */
  asked = [];
  figures = { messages_received: 0, messages_sent: 0 };
  /** Whether streams are refused, as from a server that is away. */
  isAway = false;
  #server;
  /** @type {Set<{ path: string, response: import('node:http').ServerResponse }>} */
  #streams = new Set();
  #ticks = 0;

  static async start() {
    const mock = new Mock();
    mock.#server = createServer((request, response) => mock.#serve(request, response));
    await new Promise((resolve) => mock.#server.listen(0, '127.0.0.1', resolve));
    mock.port = mock.#server.address().port;
    return mock;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/console`;
  }

  stop() {
    for (const { response } of this.#streams) response.destroy();
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** Who follows a call. */
  followers(call) {
    return [...this.#streams].filter(({ path }) => path === `/v1/calls/${call}/stream`);
  }

  /** Waits until somebody follows a call. */
  async followed(call) {
    while (!this.followers(call).length) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** One more event of a call; those who follow hear of it. */
  happen(call, event, isHeard = true) {
    this.events.get(call).push(event);
    if (isHeard) this.send(call, 'event', event, event.seq);
  }

  send(call, name, data, id) {
    for (const { response } of this.followers(call)) write(response, name, data, id);
  }

  /** Breaks what follows a call. */
  cut(call) {
    for (const stream of this.followers(call)) stream.response.destroy();
  }

  #serve(request, response) {
    const url = new URL(request.url, 'http://x');
    const path = decodeURI(url.pathname);
    this.asked.push(`${request.method} ${request.url}`);
    if (path === '/console' || path.startsWith('/console/')) return file(path, response);
    if (path === '/readyz')
      return reply(
        response,
        this.isDraining ? 503 : 200,
        this.isDraining ? 'draining\n' : 'ready\n',
        'text/plain',
      );
    const role = this.#roleOf(request);
    if (!role)
      return problem(
        response,
        401,
        request.headers.authorization ? 'the token is not known' : 'a bearer token is needed',
      );
    const needed = this.#needed(request.method, path);
    if (ROLES.indexOf(role) < ROLES.indexOf(needed))
      return problem(response, 403, `the role \`${needed}\` is needed, and the token has \`${role}\``);
    const query = Object.fromEntries(url.searchParams);
    if (path === '/v1/caller') return reply(response, 200, { role, name: 'token 1' });
    if (path.endsWith('/stream')) return this.#stream(path, query, request, response);
    this.#answer(request.method, url.pathname, query, response);
  }

  #roleOf({ headers }) {
    if (!Object.keys(this.tokens).length) return 'deploy';
    return this.tokens[headers.authorization?.replace(/^Bearer /, '')];
  }

  #needed(method, path) {
    if (/\/(journal|scenario)$/.test(path)) return 'operate';
    if (method === 'GET') return 'read';
    return path.startsWith('/v1/services') ? 'deploy' : 'operate';
  }

  #answer(method, path, query, response) {
    const [, , kind, name, more] = path.split('/').map(decodeURIComponent);
    if (path === '/figures') return reply(response, 200, this.#count());
    if (path === '/metrics') return reply(response, 200, this.#metrics(), 'application/openmetrics-text');
    if (kind === 'channels') {
      if (name === undefined) return reply(response, 200, page(this.#channels(query), query));
      const at = this.channels.findIndex(({ channel }) => channel === name);
      if (at < 0) return problem(response, 404, 'nobody of this name is connected or may come back');
      if (method === 'DELETE') {
        this.channels.splice(at, 1);
        return response.writeHead(204).end();
      }
      return reply(response, 200, this.channels[at]);
    }
    if (kind === 'dialogs')
      return reply(response, 200, {
        items: [
          {
            dialog: '0.5.9',
            state: 'Established',
            begun_by_peer: true,
            from: query.user,
            to: 'bob@example.com',
            service: 'relay',
            instance: '1.2f',
          },
        ],
        next: null,
      });
    if (kind === 'links') return reply(response, 200, page(this.links, query));
    if (kind === 'instances' && method === 'DELETE') return response.writeHead(204).end();
    if (kind === 'instances')
      return reply(response, 200, {
        items: [
          {
            instance: '1.2f',
            service: query.service,
            version: 'built-in',
            age_ms: 65_000,
            legs: 2,
            timers: 1,
            relations: 0,
            key: null,
          },
        ],
        next: null,
      });
    if (kind === 'services') return this.#service(method, name, more, query, response);
    if (kind === 'calls') return this.#call(name, more, query, response);
    problem(response, 404, 'there is nothing here');
  }

  #channels({ name = '', kind, state }) {
    return this.channels.filter(
      (one) =>
        one.channel.startsWith(name) && (!kind || one.kind === kind) && (!state || one.state === state),
    );
  }

  #call(name, more, query, response) {
    if (name === undefined) {
      const fits = this.calls.filter(
        ({ parties, service, ended_ms }) =>
          (!query.user || parties.some(({ party }) => party === query.user)) &&
          (!query.service || service === query.service) &&
          (!query.live || (query.live === 'true') === (ended_ms === null)),
      );
      return reply(response, 200, page(fits, query));
    }
    const call = this.calls.find((one) => one.call === name);
    if (!call) return problem(response, 404, 'this call is not known (any more)');
    if (more)
      return problem(response, 404, 'nothing of this call was recorded; `journal.ring` turns that on');
    reply(response, 200, { ...call, list: this.events.get(name) ?? [] });
  }

  #service(method, name, more, query, response) {
    if (name === undefined) return reply(response, 200, this.services);
    const service = this.services.find((one) => one.name === name);
    if (!service) return problem(response, 404, `there is no service \`${name}\``);
    if (more === 'logs') {
      const answer = () => {
        const lines = this.logs.slice(Number(query.after ?? 0));
        reply(response, 200, { lines, lost: 0, last: this.logs.length });
      };
      const waits = Number(query.wait) && this.logs.length <= Number(query.after);
      return waits ? void setTimeout(answer, 500) : answer();
    }
    if (method !== 'GET') {
      if (more === 'rollback') {
        service.default = service.history.pop();
        for (const version of service.versions) version.is_default = version.label === service.default;
      }
      return reply(response, 200, service);
    }
    reply(response, 200, service);
  }

  #stream(path, query, request, response) {
    if (this.isAway) return request.socket.destroy();
    const isOfFigures = path === '/v1/figures/stream';
    if (isOfFigures && !this.hasFigures) return problem(response, 404, 'there is nothing here');
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(': here\n\n');
    const stream = { path, response };
    this.#streams.add(stream);
    const timer =
      isOfFigures && setInterval(() => write(response, 'figures', this.#count()), Number(query.every_ms));
    if (isOfFigures) write(response, 'figures', this.#count());
    const call = /^\/v1\/calls\/(.*)\/stream$/.exec(path)?.[1];
    const after = Number(request.headers['last-event-id'] ?? query.after ?? 0);
    for (const event of this.events.get(call) ?? [])
      if (event.seq > after) write(response, 'event', event, event.seq);
    response.on('close', () => {
      clearInterval(timer);
      this.#streams.delete(stream);
    });
  }

  #count() {
    this.#ticks += 1;
    const wave = Math.sin(this.#ticks / 9);
    this.figures.messages_received += Math.round(5200 + 900 * wave);
    this.figures.messages_sent += Math.round(5900 + 1000 * wave);
    return {
      at_ms: Date.now(),
      channels: 10_000,
      sockets: 9_870,
      dialogs: Math.round(2400 + 120 * wave),
      dialog_records: 4102,
      instances: Math.round(1303 + 60 * wave),
      links_up: 1,
      links_connecting: 0,
      links_waiting: 1,
      links_failed: 1,
      instances_started: 412_331,
      instances_failed: 3,
      instances_moved: 0,
      instances_not_moved: 0,
      not_found: 12,
      unavailable: 0,
      unreachable: 40 + 2 * this.#ticks,
      no_room: 0,
      too_many_hops: 0,
      commands_refused: 7,
      ...this.figures,
    };
  }

  #metrics() {
    const count = 1000 * this.#ticks;
    return `strowger_draining ${Number(this.isDraining)}
strowger_stack_batch_seconds_bucket{le="0.0001"} ${Math.round(count * 0.98)}
strowger_stack_batch_seconds_bucket{le="0.0005"} ${count}
strowger_stack_batch_seconds_bucket{le="+Inf"} ${count}
strowger_stack_batch_seconds_sum ${count * 4.1e-5}
strowger_stack_batch_seconds_count ${count}
process_cpu_seconds_total 812.5
process_start_time_seconds ${Date.now() / 1000 - 93_000}
process_resident_memory_bytes 412000000
process_open_fds 9931
process_max_fds 20000
# EOF
`;
  }
}

function write(response, name, data, id) {
  response.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

function page(all, { after = '0', limit = '100' }) {
  const [from, most] = [Number(after), Number(limit)];
  const items = all.slice(from, from + most);
  return { items, next: from + most < all.length ? String(from + most) : null };
}

function reply(response, status, body, type = 'application/json') {
  response
    .writeHead(status, { 'Content-Type': type })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}

function problem(response, status, detail) {
  reply(
    response,
    status,
    { type: 'about:blank', title: 'Problem', status, detail },
    'application/problem+json',
  );
}

/** Every module, as the server names them in the page. */
function modules() {
  const of = (folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true })
      .filter((name) => name.endsWith('.js') && !name.startsWith('test'))
      .map((name) => `<link rel="modulepreload" href="/console/${folder}${name}">`);
  return [...of('apps/console/'), ...of('apps/shared/')].join('\n');
}

function file(path, response) {
  const place = path === '/console' ? 'apps/console/index.html' : path.slice('/console/'.length);
  const url = new URL(place, ROOT);
  if (!/^apps\/(console|shared)\/(?!test)/.test(place) || !existsSync(url))
    return problem(response, 404, 'no such file');
  const text = readFileSync(url, 'utf8').replace('<!-- modules -->', modules);
  response.writeHead(200, {
    'Content-Type': TYPES[place.split('.').at(-1)],
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache',
  });
  response.end(text);
}
