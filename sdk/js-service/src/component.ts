// What a component exports, made of an author's service.
import { Context, type Imports, saved } from './context.js';
import { asked, read } from './event.js';
import { Request } from './message.js';
import type { Instance, Service } from './service.js';
import type * as wit from './wit.js';

/** What a component exports: the functions of the interface `service`, and the class of its instances. */
export interface Exports extends wit.Service {
  readonly Instance: wit.InstanceClass;
}

/** Makes the exports of a component of a service and of what the component imports. */
export function component(service: Service, imports: Imports): Exports {
  // What a failed call throws is lost on its way to the node, so it is logged.
  const told = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      imports.host.log('error', describe(error));
      throw error;
    }
  };

  class Running implements wit.Instance {
    readonly #cx: Context;
    readonly #instance: Instance;

    constructor(setup: wit.Setup, restored?: (cx: Context) => Instance) {
      this.#cx = new Context(setup, imports);
      this.#instance = restored ? restored(this.#cx) : told(() => service.start(this.#cx));
    }

    handle(now: wit.Duration, lastLeg: wit.Leg, event: wit.Event): wit.Command[] {
      const known = read(event);
      this.#cx.begin(now, lastLeg, event.tag === 'incoming' ? event.val : undefined);
      if (!known) return [];
      if (known.type === 'config-changed') this.#cx.forgetConfig();
      try {
        notLater(this.#instance.handle(known, this.#cx));
        return this.#cx.take();
      } catch (error) {
        imports.host.log('error', describe(error));
        return [{ tag: 'fail', val: summary(error) }];
      }
    }

    save(): Uint8Array | null {
      return told(() => saved(this.#instance.save?.(this.#cx)));
    }

    static restore(setup: wit.Setup, at: wit.Moment, state: Uint8Array): wit.Instance {
      return told(
        () =>
          new Running(setup, (cx) => {
            if (!service.restore) throw new Error('this version takes over no instances');
            cx.goOn(at);
            return service.restore(state, cx);
          }),
      );
    }
  }

  return {
    Instance: Running,
    key: (request) => told(() => service.key?.(Request.parse(request)) ?? null),
    hasKeys: () => service.key !== undefined || service.httpKey !== undefined,
    hearsCompleted: () => service.hearsCompleted ?? true,
    takesHttp: () => service.takesHttp ?? false,
    httpKey: (request) => told(() => service.httpKey?.(asked(request)) ?? null),
    checkConfig: (config) => service.checkConfig?.(JSON.parse(config)),
  };
}

/** Nothing runs once `handle` has returned, so a promise would never be kept. */
function notLater(result: unknown): void {
  if (typeof result === 'object' && result !== null && 'then' in result) {
    throw new Error('handle must not be async: write a script, which waits with yield*');
  }
}

function summary(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function describe(error: unknown): string {
  const stack = error instanceof Error && error.stack ? `\n${error.stack.trimEnd()}` : '';
  return summary(error) + stack;
}
