/** One prompt, two checkpoints: what each answers. */
import { useQuery } from '@tanstack/react-query';
import type { api } from 'hud/protocol';
import { useId, useState, type FormEvent, type JSX, type KeyboardEvent } from 'react';
import { call, routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Button } from '../parts/buttons.tsx';
import { Choice } from '../parts/fields.tsx';
import { plural } from '../parts/format.ts';
import { Failure, Skeleton } from '../parts/states.tsx';
import { visible } from '../parts/untrusted.ts';
import { Heading } from '../parts/views.tsx';

export interface Side {
  /** Of the checkpoint, or `base`. */
  id: string;
  name: string;
}

interface Asked {
  prompt: string;
  temperature: number;
  /** The same for both; another one each time. */
  seed: number;
}

const MOST_CHARACTERS = 20_000;
const MOST_TOKENS = 512;
const TEMPERATURES = [
  ['1', 'as in training: temperature 1'],
  ['0.5', 'temperature 0.5'],
  ['0', 'the likeliest words: temperature 0'],
] as const;

export function AskBoth({ model, sides }: { model: api.models.Model; sides: readonly [Side, Side] }): JSX.Element {
  const [search, set] = useAddress();
  const [prompt, setPrompt] = useState(search.ask ?? '');
  const [temperature, setTemperature] = useState('1');
  const [asked, setAsked] = useState<Asked>();
  const id = useId();
  const submit = (): void => {
    if (prompt.trim() === '') return;
    if (prompt.length <= MOST_IN_ADDRESS) set({ ask: prompt });
    setAsked({ prompt, temperature: Number(temperature), seed: Date.now() % 1_000_000_000 });
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    submit();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    submit();
  };
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Heading>Ask both</Heading>
      <form className="grid grid-cols-[minmax(0,1fr)] gap-2" onSubmit={onSubmit}>
        <label htmlFor={id} className="text-sm text-ink-2">
          Prompt, as the user’s message
        </label>
        <textarea
          id={id}
          rows={3}
          maxLength={MOST_CHARACTERS}
          className="w-full max-w-[72ch] rounded-md border border-line-strong bg-panel px-2 py-1.5 text-prose"
          value={prompt}
          onChange={(event) => setPrompt(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="flex flex-wrap items-center gap-2">
          <Button kind="main" type="submit" disabled={prompt.trim() === ''}>
            {asked === undefined ? 'Ask both' : 'Ask both again'}
          </Button>
          <Choice label="Temperature" isBare value={temperature} options={TEMPERATURES} onChange={setTemperature} />
        </div>
      </form>
      {asked !== undefined && (
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4 sm:grid-cols-2" aria-live="polite">
          {sides.map((side) => (
            <Answer key={side.id} modelId={model.id} side={side} asked={asked} />
          ))}
        </div>
      )}
    </div>
  );
}

/** Longer prompts stay on the page alone. */
const MOST_IN_ADDRESS = 1_000;

function Answer({ modelId, side, asked }: { modelId: string; side: Side; asked: Asked }): JSX.Element {
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: [routes.models.sample.path, modelId, side.id, asked],
    queryFn: async ({ signal }) => {
      const body = { ...asked, checkpoint: side.id, maxTokens: MOST_TOKENS };
      return await call(routes.models.sample, { params: { id: modelId }, body }, signal);
    },
    // An answer is asked for once: the next one would be another.
    staleTime: Infinity,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  if (data === undefined && error !== null && !isFetching) return <Failure error={error} retry={() => void refetch()} />;
  return (
    <article className="box grid grid-cols-[minmax(0,1fr)] content-start gap-2 p-4" aria-label={`Answer of ${side.name}`}>
      <h3 className="font-semibold">{side.name}</h3>
      {data === undefined ? <Skeleton lines={2} /> : <Text {...data} />}
    </article>
  );
}

function Text({ text, reasoning, finishReason, promptTokens, completionTokens }: api.Reply<typeof api.models.sample>): JSX.Element {
  return (
    <>
      {reasoning !== undefined && <p className="prose whitespace-pre-wrap break-words text-ink-3">{visible(reasoning)}</p>}
      {text === '' ? (
        <p className="text-ink-3">It said nothing.</p>
      ) : (
        <p className="prose whitespace-pre-wrap break-words">{visible(text)}</p>
      )}
      <p className="text-sm text-ink-3">
        {plural(completionTokens, 'token')} after a prompt of {plural(promptTokens, 'token')}
        {finishReason === 'length' && '; cut there, as it was not done'}
      </p>
    </>
  );
}
