import type { Call } from '@strowger/client';
import { type ReactNode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useCall, useClient, useStream } from './use-client.js';

const SERVER = new URLSearchParams(location.search).get('server') ?? 'ws://localhost:8080/rtc';
const userOf = (name: string) => `${name}@example.com`;

/** A field and a button. */
function Ask({ label, button, onDone }: { label: string; button: string; onDone: (text: string) => void }) {
  return (
    <form action={(data) => onDone(String(data.get('text')))}>
      <input name="text" placeholder={label} aria-label={label} required />
      <button type="submit">{button}</button>
    </form>
  );
}

function CallView({ call }: { call: Call }): ReactNode {
  const video = useStream(call.remote);
  const isRinging = call.direction === 'incoming' && call.state === 'ringing';
  return (
    <>
      <output>{`${call.peer}: ${call.state}`}</output>
      <p>
        {isRinging && (
          // What becomes of it is told by its state.
          <button type="button" onClick={() => call.answer({ audio: true, video: true }).catch(() => {})}>
            Answer
          </button>
        )}
        {call.state !== 'ended' && (
          <button type="button" onClick={() => void call.hangUp()}>
            {isRinging ? 'Decline' : 'Hang up'}
          </button>
        )}
      </p>
      {/* biome-ignore lint/a11y/useMediaCaption: a call has no captions. */}
      <video ref={video} autoPlay playsInline />
    </>
  );
}

function Phone({ name }: { name: string }) {
  const { state, call, dial } = useClient(SERVER, userOf(name));
  useCall(call);
  return (
    <>
      <output>{state}</output>
      {state === 'online' && (!call || call.state === 'ended') && (
        <Ask label="Whom to call" button="Call" onDone={(peer) => dial(userOf(peer))} />
      )}
      {call && <CallView key={call.id} call={call} />}
    </>
  );
}

function App() {
  const [name, setName] = useState('');
  return name ? <Phone name={name} /> : <Ask label="Your name" button="Sign in" onDone={setName} />;
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
