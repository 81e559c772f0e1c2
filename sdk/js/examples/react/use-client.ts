import { type Call, Client, type ConnectionState } from '@strowger/client';
import { useEffect, useReducer, useRef, useState } from 'react';

/** A client of this name for as long as the component is there, and the call that it is in. */
export function useClient(url: string, userid: string) {
  const [client, setClient] = useState<Client>();
  const [call, setCall] = useState<Call>();
  const [state, setState] = useState<ConnectionState>('connecting');

  useEffect(() => {
    const one = new Client({ url, userid });
    const look = () => setState(one.state);
    one.on('online', look);
    one.on('reconnecting', look);
    one.on('offline', look);
    one.on('call', (incoming) => {
      if (one.calls.length > 1) incoming.reject(486, 'busy');
      else setCall(incoming);
    });
    // Why it failed is in the state: offline.
    one.connect().catch(look);
    setClient(one);
    return () => one.close();
  }, [url, userid]);

  const dial = (peer: string) => setCall(client?.call(peer, { audio: true, video: true }));
  return { state, call, dial };
}

/** Draws anew whenever a call has changed. */
export function useCall(call: Call | undefined): void {
  const [, changed] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const off = call ? (['state', 'streams', 'hold'] as const).map((name) => call.on(name, changed)) : [];
    return () => {
      for (const stop of off) stop();
    };
  }, [call]);
}

/** Shows a stream in a `<video>`. */
export function useStream(stream: MediaStream | undefined) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
  }, [stream]);
  return video;
}
