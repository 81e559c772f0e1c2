/**
 * Calls and messages over JSIP. Begin with {@link Client}.
 *
 * @packageDocumentation
 */

export { Call } from './call.js';
export type { CallEvents } from './call-events.js';
export type { CallOptions, CallState } from './call-options.js';
export { Client, type ClientEvents, type ClientOptions, type RequestOptions } from './client.js';
export { type Clock, systemClock } from './clock.js';
export type { ConnectionState, Offline, Socket, SocketClass } from './connection.js';
export type { Headers, Message, Method, Request, Response } from './core/message.js';
export type { Ending, Timers } from './core/records.js';
export { StrowgerError } from './errors.js';
export { Emitter } from './events.js';
export { type Answer, Incoming } from './incoming.js';
export { Lease, type LeaseEvents } from './lease.js';
export { type Description, fixedMedia, type Media } from './media/media.js';
export type { FlowStatistics, MediaStatistics } from './media/statistics.js';
export { browserPage, type Page, type PageListener } from './page.js';
export { Transfer } from './transfer.js';
