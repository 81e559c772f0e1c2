// Does whatever its Request-URI names: for the tests of this kit, and of the host that loads it as a component.
import {
  Bridge,
  type Context,
  type Event,
  type Instance,
  Response,
  script,
  service,
} from '@strowger/service';

/** Answers every request with its own Body. */
const echo: Instance = {
  handle(event, cx) {
    if (event.type === 'incoming' || event.type === 'request') {
      cx.respond(event.leg, Response.to(event.request, 200).copy(event.request, 'Body'));
    }
  },
};

/** Joins caller and callee. */
function relay(): Instance {
  let bridge: Bridge | undefined;
  return {
    handle(event, cx) {
      if (event.type === 'incoming' && !bridge) bridge = Bridge.open(event.leg, event.request, cx);
      else bridge?.handle(event, cx);
    },
  };
}

/** Leaves everything to bob, and the call to the node. */
const forward: Instance = {
  handle(event, cx) {
    if (event.type !== 'incoming') return;
    cx.setTimer(1000);
    const request = event.request.clone();
    request.requestUri = 'bob@example.com';
    cx.forward(event.leg, request);
    cx.fail('nothing is carried out behind it');
  },
};

/** Rings one after another, ten seconds each. */
function hunt(agents: readonly string[]): Instance {
  return script(function* (call) {
    const first = yield* call.next();
    if (first.type !== 'incoming') return;
    const { leg: caller, request } = first;
    for (const agent of agents) {
      const invite = request.clone();
      invite.requestUri = agent;
      const dial = call.dial(caller, invite, 10_000);
      for (;;) {
        const progress = yield* dial.next();
        if (progress.type === 'ringing') {
          call.cx.respond(caller, Response.to(request, 180));
        } else if (progress.type === 'answered') {
          const bridge = Bridge.joined(caller, request, dial.leg, dial.id);
          let event: Event = { type: 'response', leg: dial.leg, to: dial.id, response: progress.response };
          for (; ; event = yield* call.next()) {
            bridge.handle(event, call.cx);
            if (bridge.isOver) return;
          }
        } else if (progress.type === 'caller-gone') {
          return;
        } else {
          break;
        }
      }
    }
    call.cx.respond(caller, Response.to(request, 480));
  });
}

/** What is asked of the context at once; the answer is the Body of the 200. */
const answers: Record<string, (cx: Context) => unknown> = {
  count: (cx) => cx.store.update('count', (old) => String(Number(old ?? 0) + 1)),
  store: (cx) => {
    cx.store.putFor('a/1', 'short', 1000);
    const version = cx.store.put('a/2', Uint8Array.of(0, 255));
    const swapped = cx.store.compareAndSwap('a/2', version + 1, 'no');
    return [cx.store.keys('a/', 10), cx.store.get('a/1')?.text, swapped, cx.store.get('b')?.text];
  },
  facts: (cx) => [cx.service, cx.ownHosts, cx.now, cx.config],
  relation: (cx) => cx.relation(),
  random: (cx) => [cx.token(), cx.random()],
  fetch: (cx) => cx.fetch({ method: 'POST', url: 'https://example.com/', body: 'ü' }),
  throw: () => {
    throw new TypeError('this is wrong');
  },
  clock: () => Date.now(),
  date: () => new Date(),
  chance: () => Math.random(),
  console: () => console.warn('odd', { a: 1 }, [2]),
  forever: () => {
    for (;;);
  },
  memory: () => {
    const all: Uint8Array[] = [];
    for (;;) all.push(new Uint8Array(1 << 20));
  },
  listen: (cx) => cx.listen('news'),
  publish: (cx) => cx.publish('news', 'hello'),
  watch: (cx) => cx.watch('a/'),
  sync: (cx) => cx.sync(),
  stray: (cx) => cx.answer(99, 1, 200, 'nobody'),
};

/** Answers what it is asked, logs everything else, and counts how often. */
function asked(times = 0): Instance {
  let count = times;
  return {
    handle(event, cx) {
      if (event.type === 'incoming') {
        count += 1;
        const what = event.request.requestUri.split('@')[0] ?? '';
        const body = what === 'times' ? count : answers[what]?.(cx);
        cx.respond(event.leg, Response.to(event.request, 200, body ?? null));
      } else if (event.type === 'http') {
        const { method, url, text } = event.request;
        cx.httpRespond(event.id, { status: 202, headers: [['x-a', 'b']], body: `${method} ${url} ${text}` });
      } else if (event.type === 'fetched') {
        cx.log('info', event.error ? `not fetched: ${event.error.tag}` : `fetched ${event.response.text}`);
      } else if (event.type === 'config-changed') {
        cx.log('info', `settings: ${JSON.stringify(cx.config)}`);
      } else if (event.type !== 'ended') {
        cx.log('info', JSON.stringify(event));
      }
    },
    save: () => String(count),
  };
}

/** What an instance does is named by the first request that it gets. */
function chosen(): Instance {
  let inner: Instance | undefined;
  return {
    handle(event, cx) {
      inner ??= event.type === 'incoming' ? choice(event.request.requestUri) : asked();
      inner.handle(event, cx);
    },
    save: (cx) => inner?.save?.(cx),
  };
}

function choice(uri: string): Instance {
  const [user = ''] = uri.split('@');
  if (user === 'echo') return echo;
  if (user === 'forward') return forward;
  if (user === 'hunt') return hunt(['ann@example.com', 'ben@example.com']);
  return user in answers || user === 'times' ? asked() : relay();
}

export default service({
  start: chosen,
  key: (request) => {
    const key = request.get('X-Key');
    return typeof key === 'string' ? key : undefined;
  },
  takesHttp: true,
  httpKey: (request) => request.url.split('/keyed/')[1],
  checkConfig: (config) => {
    if (typeof config === 'object' && config !== null && 'wrong' in config) throw new Error('it is wrong');
  },
  restore: (saved) => {
    const count = Number(String.fromCharCode(...saved));
    if (Number.isNaN(count)) throw new Error('saved by something else');
    return asked(count);
  },
});
