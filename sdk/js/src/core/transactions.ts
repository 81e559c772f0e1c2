/**
 * The four transaction machines (protocol section 4). The same tables as `docs/protocol/*-transaction.md`; a test
 * compares them row by row. What is not listed is dropped.
 */

import type { Table } from './table.js';

/** Client transaction, any method but INVITE and ACK. */
export type ClientState = 'Trying' | 'Proceeding' | 'Completed';
export const client: Table<
  ClientState,
  'Provisional' | 'Final' | 'Timeout',
  'Done' | 'ArmProvisional' | 'Disarm' | 'Deliver' | 'Withdraw' | 'DeliverTimeout'
> = {
  Trying: {
    Provisional: ['Proceeding', 'Done', 'ArmProvisional', 'Deliver'],
    Final: ['Completed', 'Done', 'Disarm', 'Deliver'],
    Timeout: ['Completed', 'Withdraw', 'DeliverTimeout'],
  },
  Proceeding: {
    Provisional: ['Proceeding', 'Done', 'ArmProvisional', 'Deliver'],
    Final: ['Completed', 'Done', 'Disarm', 'Deliver'],
    Timeout: ['Completed', 'Withdraw', 'DeliverTimeout'],
  },
  Completed: {},
};

/** Client transaction of an INVITE. */
export type InviteClientState = 'Calling' | 'Proceeding' | 'Accepted' | 'Completed' | 'Abandoned';
export const inviteClient: Table<
  InviteClientState,
  'Provisional' | 'Success' | 'Failure' | 'GiveUp',
  'Done' | 'ToSession' | 'AckAgain' | 'Ack'
> = {
  Calling: {
    Provisional: ['Proceeding', 'Done', 'ToSession'],
    Success: ['Accepted', 'Done', 'ToSession'],
    Failure: ['Completed', 'Done', 'ToSession'],
    GiveUp: ['Abandoned'],
  },
  Proceeding: {
    Provisional: ['Proceeding', 'Done', 'ToSession'],
    Success: ['Accepted', 'Done', 'ToSession'],
    Failure: ['Completed', 'Done', 'ToSession'],
    GiveUp: ['Abandoned'],
  },
  Accepted: { Success: ['Accepted', 'AckAgain'] },
  Completed: {},
  Abandoned: {
    Provisional: ['Abandoned', 'Done'],
    Success: ['Accepted', 'Done', 'Ack', 'ToSession'],
    Failure: ['Completed', 'Done', 'Ack', 'ToSession'],
  },
};

/** Server transaction, any method but INVITE and ACK. */
export type ServerState = 'Trying' | 'Proceeding' | 'Completed';
export const server: Table<
  ServerState,
  'Again' | 'Provisional' | 'Final' | 'Timeout',
  'Transmit' | 'Resend' | 'ArmProvisional' | 'Disarm' | 'AnswerTimeout' | 'TellInstance',
  'Answered'
> = {
  Trying: {
    Again: ['Trying'],
    Provisional: ['Proceeding', 'Transmit', 'ArmProvisional'],
    Final: ['Completed', 'Disarm', 'Transmit'],
    Timeout: ['Completed', 'AnswerTimeout', 'TellInstance'],
  },
  Proceeding: {
    Again: ['Proceeding', 'Resend'],
    Provisional: ['Proceeding', 'Transmit', 'ArmProvisional'],
    Final: ['Completed', 'Disarm', 'Transmit'],
    Timeout: ['Completed', 'AnswerTimeout', 'TellInstance'],
  },
  Completed: { Again: ['Completed', 'Resend'], Provisional: 'Answered', Final: 'Answered' },
};

/** Server transaction of an INVITE. */
export type InviteServerState = 'Proceeding' | 'Accepted' | 'Completed' | 'Confirmed';
export const inviteServer: Table<
  InviteServerState,
  'Again' | 'Provisional' | 'Success' | 'Failure' | 'Ack',
  'Resend' | 'ToSession',
  'Answered'
> = {
  Proceeding: {
    Again: ['Proceeding', 'Resend'],
    Provisional: ['Proceeding', 'ToSession'],
    Success: ['Accepted', 'ToSession'],
    Failure: ['Completed', 'ToSession'],
  },
  Accepted: {
    Again: ['Accepted', 'Resend'],
    Provisional: 'Answered',
    Success: 'Answered',
    Failure: 'Answered',
    Ack: ['Confirmed', 'ToSession'],
  },
  Completed: {
    Again: ['Completed', 'Resend'],
    Provisional: 'Answered',
    Success: 'Answered',
    Failure: 'Answered',
    Ack: ['Confirmed', 'ToSession'],
  },
  Confirmed: {
    Again: ['Confirmed', 'Resend'],
    Provisional: 'Answered',
    Success: 'Answered',
    Failure: 'Answered',
  },
};
