/**
 * The four transaction machines (protocol section 4): the next state, by state and trigger. The same machines as
 * `docs/protocol/*-transaction.md`, where what is done on the way is listed too; a test compares them row by row.
 * What is not listed is dropped, or refused to the application.
 */

type Machine<State extends string, Trigger extends string> = Record<State, Partial<Record<Trigger, State>>>;

/** Client transaction, any method but INVITE and ACK. */
export type ClientState = 'Trying' | 'Proceeding' | 'Completed';
export const client: Machine<ClientState, 'Provisional' | 'Final' | 'Timeout'> = {
  Trying: { Provisional: 'Proceeding', Final: 'Completed', Timeout: 'Completed' },
  Proceeding: { Provisional: 'Proceeding', Final: 'Completed', Timeout: 'Completed' },
  Completed: {},
};

/** Client transaction of an INVITE. */
export type InviteClientState = 'Calling' | 'Proceeding' | 'Accepted' | 'Completed' | 'Abandoned';
export const inviteClient: Machine<InviteClientState, 'Provisional' | 'Success' | 'Failure' | 'GiveUp'> = {
  Calling: { Provisional: 'Proceeding', Success: 'Accepted', Failure: 'Completed', GiveUp: 'Abandoned' },
  Proceeding: { Provisional: 'Proceeding', Success: 'Accepted', Failure: 'Completed', GiveUp: 'Abandoned' },
  Accepted: { Success: 'Accepted' }, // its ACK is sent again
  Completed: {},
  Abandoned: { Provisional: 'Abandoned', Success: 'Accepted', Failure: 'Completed' }, // its ACK is sent here
};

/** Server transaction, any method but INVITE and ACK. `Again` sends the latest response again. */
export type ServerState = 'Trying' | 'Proceeding' | 'Completed';
export const server: Machine<ServerState, 'Again' | 'Provisional' | 'Final' | 'Timeout'> = {
  Trying: { Again: 'Trying', Provisional: 'Proceeding', Final: 'Completed', Timeout: 'Completed' },
  Proceeding: { Again: 'Proceeding', Provisional: 'Proceeding', Final: 'Completed', Timeout: 'Completed' },
  Completed: { Again: 'Completed' },
};

/** Server transaction of an INVITE. `Again` sends the latest response again. */
export type InviteServerState = 'Proceeding' | 'Accepted' | 'Completed' | 'Confirmed';
export const inviteServer: Machine<
  InviteServerState,
  'Again' | 'Provisional' | 'Success' | 'Failure' | 'Ack'
> = {
  Proceeding: { Again: 'Proceeding', Provisional: 'Proceeding', Success: 'Accepted', Failure: 'Completed' },
  Accepted: { Again: 'Accepted', Ack: 'Confirmed' },
  Completed: { Again: 'Completed', Ack: 'Confirmed' },
  Confirmed: { Again: 'Confirmed' },
};
