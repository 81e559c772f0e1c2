// @strowger/service: services for the Strowger signalling server.
export { Bridge } from './bridge.js';
export type { Context } from './context.js';
export type { Event, HttpAnswer, HttpAsked, HttpRequest, HttpResponse } from './event.js';
export { Fork, type Forked } from './fork.js';
export { Message, Request, Response } from './message.js';
export { Dial, type Progress, Script, script, type Waiting } from './script.js';
export { type Instance, type Service, service } from './service.js';
export { type Entry, type Store, StoreError } from './store.js';
