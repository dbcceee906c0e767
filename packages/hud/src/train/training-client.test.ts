import { describe, expect, test } from 'vitest';
import { differentiable, sum } from './autodiff.ts';
import { MODEL_ID, SAMPLE, scriptedService, trainedRun, type Answer, type ScriptedService, type Seen } from './train.fixtures.ts';
import { TrainingClient } from './training-client.ts';

const TRAIN = `/v1/models/${MODEL_ID}/train`;
const PASS = { metrics: { 'loss:sum': -0.5 }, num_datums: 2 };
const STEP = { step: 1, checkpoint_id: 'c1', sampler_path: 's1', state_path: 'w1', model: 'arith-rl' };
const MODEL = {
  id: MODEL_ID,
  name: 'Arithmetic',
  model_name: 'arith-rl',
  sdk_agent_type: 'openai_compatible',
  is_trainable: true,
  provider: { name: 'local' },
};
const INPUTS = [
  { samples: [SAMPLE], reward: 1, traceId: 'aa' },
  { samples: [SAMPLE], reward: 0 },
];

function clientOf({ url }: ScriptedService, model = MODEL_ID, onWarning?: (message: string) => void): TrainingClient {
  return new TrainingClient(model, { apiKey: 'k', baseUrl: url, apiUrl: url, ...(onWarning === undefined ? {} : { onWarning }) });
}

/** Answers by path, each list in its order. */
function byPath(answers: Record<string, Answer[]>): (seen: Seen) => Answer | undefined {
  const left = structuredClone(answers);
  return ({ path }) => left[path]?.shift();
}

describe('the wire', () => {
  test('a step is a gradient and a step, spelled as the service reads it, under operations of their own', async () => {
    await using service = await scriptedService(
      byPath({ [`${TRAIN}/forward-backward`]: [[200, PASS]], [`${TRAIN}/optim-step`]: [[200, STEP]] }),
    );
    const done = await clientOf(service).step(INPUTS, {
      learningRate: 1e-5,
      weightDecay: 0.1,
      groupSize: 2,
      lossFn: 'ppo',
      lossFnConfig: { clip_low_threshold: 0.8 },
    });
    expect(done).toEqual({
      gradient: { metrics: { 'loss:sum': -0.5 }, numDatums: 2, batch: { order: [0, 1], dropped: [], warnings: [] } },
      step: { step: 1, checkpointId: 'c1', samplerPath: 's1', statePath: 'w1', model: 'arith-rl' },
    });
    const sample = { prompt_token_ids: [1, 2], output_token_ids: [3, 4], output_logprobs: [-0.5, -0.25] };
    expect(service.seen.map(({ body }) => body)).toEqual([
      {
        inputs: [
          { samples: [sample], reward: 1, trace_id: 'aa' },
          { samples: [sample], reward: 0 },
        ],
        loss_fn: 'ppo',
        loss_fn_config: { clip_low_threshold: 0.8 },
        group_size: 2,
        reward_scale: 1,
        num_substeps: 1,
      },
      { learning_rate: 1e-5, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1 },
    ]);
    const [first, second] = service.seen;
    expect(first!.key).toMatch(/^[0-9a-f]{32}$/);
    expect(second!.key).not.toBe(first!.key);
    expect(first!.authorization).toBe('Bearer k');
  });

  test('defaults leave out what is not set, and an answer with more than it may have is refused', async () => {
    await using service = await scriptedService(byPath({ [`${TRAIN}/forward-backward`]: [[200, { ...PASS, extra: 1 }]] }));
    await expect(clientOf(service).forwardBackward(['ff'])).rejects.toMatchObject({ code: 'PLATFORM_FAILED' });
    expect(service.seen[0]!.body).toEqual({ inputs: ['ff'], loss_fn: 'importance_sampling', reward_scale: 1, num_substeps: 1 });
  });

  test('nothing is sent of a batch that breaks a rule, nor with a learning rate that is none', async () => {
    await using service = await scriptedService(() => undefined);
    const trainer = clientOf(service, 'arith-rl');
    const runs = ['a', 'a', 'a', 'b'].map((group) => trainedRun({ group }));
    await expect(trainer.forwardBackward(runs, { groupSize: 2 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(trainer.step(INPUTS, { learningRate: 0 })).rejects.toThrow('learningRate must be a number above 0');
    await expect(trainer.optimStep({ learningRate: Number.NaN })).rejects.toThrow('got NaN');
    expect(service.seen).toEqual([]);
  });

  test('an answer is final: it is not asked for again, whatever it is', async () => {
    await using service = await scriptedService(byPath({ [`${TRAIN}/optim-step`]: [[503, { detail: 'the engine starts' }]] }));
    const step = clientOf(service).optimStep({ learningRate: 1 });
    await expect(step).rejects.toMatchObject({ code: 'PLATFORM_FAILED', data: { status: 503, detail: 'the engine starts' } });
    expect(service.seen).toHaveLength(1);
  });

  test('warnings are heard', async () => {
    await using service = await scriptedService(() => [200, PASS]);
    const warnings: string[] = [];
    const { batch } = await clientOf(service, MODEL_ID, (message) => warnings.push(message)).forwardBackward([trainedRun(), trainedRun()]);
    expect(warnings).toEqual(batch.warnings);
    expect(warnings).toHaveLength(1);
  });
});

describe('names', () => {
  const resolve = '/v2/models/resolve?model=';
  const losses = { [`${TRAIN}/losses`]: [[200, { losses: ['ppo'] }] as Answer, [200, { losses: ['ppo'] }] as Answer] };

  test('RS1: a slug is resolved once', async () => {
    await using service = await scriptedService(byPath({ [`${resolve}arith-rl`]: [[200, MODEL]], ...losses }));
    const trainer = clientOf(service, 'arith-rl');
    expect(await Promise.all([trainer.availableLosses(), trainer.availableLosses()])).toEqual([['ppo'], ['ppo']]);
    expect(service.seen.map(({ path }) => path)).toEqual([`${resolve}arith-rl`, `${TRAIN}/losses`, `${TRAIN}/losses`]);
  });

  test('RS2: a display name is found in the catalogue', async () => {
    await using service = await scriptedService(byPath({ '/v2/models': [[200, { items: [MODEL], total: 1 }]], ...losses }));
    expect(await clientOf(service, 'Arithmetic').availableLosses()).toEqual(['ppo']);
  });

  test('a name of two models, and one of none, are told apart; a later call looks again', async () => {
    const twin = { ...MODEL, id: 'x', model_name: 'arith-2' };
    const list: Answer = [200, { items: [MODEL, twin], total: 2 }];
    await using service = await scriptedService(byPath({ '/v2/models': [list, list, list] }));
    await expect(clientOf(service, 'Arithmetic').id()).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    const missing = clientOf(service, 'arith-r1');
    await expect(missing.id()).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND', hint: "Did you mean 'arith-rl'?" });
    await expect(missing.id()).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
  });

  test.each([401, 403])('a key that is refused with %i is not a model that is missing', async (status) => {
    await using service = await scriptedService(() => [status, { detail: 'no' }]);
    await expect(clientOf(service, 'arith-rl').head()).rejects.toMatchObject({ code: 'PLATFORM_REFUSED', data: { status } });
    expect(service.seen).toHaveLength(1);
  });
});

describe('lost connections', () => {
  const operation = (status: 'running' | 'done' | 'failed', more: object = {}): Answer => [
    200,
    { id: 'op-1', kind: 'optim-step', status, phase: 'applied', reply: null, error: null, created_at: '', ended_at: null, ...more },
  ];
  const step = async (service: ScriptedService, timeoutMs = 10_000): Promise<unknown> =>
    await clientOf(service).optimStep({ learningRate: 1, operationId: 'op-1', timeoutMs });
  const gist = ({ seen }: ScriptedService): string[] =>
    seen.map(({ method, path, key }) => [method, path.replace(TRAIN, ''), key].join(' ').trim());

  test('the answer is fetched when the operation is done', async () => {
    const answers = byPath({
      [`${TRAIN}/optim-step`]: ['drop'],
      [`${TRAIN}/operations/op-1`]: [operation('running'), 'drop', operation('done', { reply: STEP })],
    });
    await using service = await scriptedService(answers);
    expect(await step(service)).toMatchObject({ step: 1, checkpointId: 'c1' });
    expect(gist(service)).toEqual(['POST /optim-step op-1', ...Array.from({ length: 3 }, () => 'GET /operations/op-1')]);
  });

  test('what the service never heard of is sent again, under the same name', async () => {
    const unheard: Answer = [404, { detail: 'The model has no operation op-1.' }];
    await using service = await scriptedService(
      byPath({ [`${TRAIN}/optim-step`]: ['drop', [200, STEP]], [`${TRAIN}/operations/op-1`]: [unheard] }),
    );
    expect(await step(service)).toMatchObject({ step: 1 });
    expect(gist(service)).toEqual(['POST /optim-step op-1', 'GET /operations/op-1', 'POST /optim-step op-1']);
  });

  test('a service that keeps no operations is not sent a batch twice', async () => {
    await using service = await scriptedService(byPath({ [`${TRAIN}/optim-step`]: ['drop'] }));
    await expect(step(service)).rejects.toMatchObject({ code: 'PLATFORM_UNREACHABLE', data: { operationId: 'op-1' } });
    expect(gist(service)).toEqual(['POST /optim-step op-1', 'GET /operations/op-1']);
  });

  test('a failure is told as it would have been', async () => {
    const error = { status: 409, detail: 'session rebuilt, re-run the batch' };
    await using service = await scriptedService(
      byPath({ [`${TRAIN}/optim-step`]: [[502, {}]], [`${TRAIN}/operations/op-1`]: [operation('failed', { error })] }),
    );
    await expect(step(service)).rejects.toMatchObject({ code: 'PLATFORM_FAILED', data: error });
  });

  test('a conflict with itself is waited for, one with another operation is told', async () => {
    const busy: Answer = [409, { detail: 'another operation is running' }];
    const answers = {
      [`${TRAIN}/optim-step`]: [busy, busy],
      [`${TRAIN}/operations/op-1`]: [operation('done', { reply: STEP }), [404, { detail: 'no op-1' }] as Answer],
    };
    await using service = await scriptedService(byPath(answers));
    expect(await step(service)).toMatchObject({ step: 1 });
    await expect(step(service)).rejects.toMatchObject({ data: { status: 409, detail: 'another operation is running' } });
  });

  test('waiting ends with the time for it, and with the signal', async () => {
    await using service = await scriptedService(({ method }) => (method === 'POST' ? 'drop' : operation('running')));
    await expect(step(service, 100)).rejects.toMatchObject({
      code: 'PLATFORM_UNREACHABLE',
      hint: expect.stringContaining("operationId: 'op-1'"),
    });
    const stop = new AbortController();
    const waiting = clientOf(service).optimStep({ learningRate: 1, signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe("a loss of one's own", () => {
  const DATUM = { reward: 1, traj_idx: 0, group_idx: 0, logprobs: [-1, -0.5], sampling_logprobs: [0, -0.75], mask: [0, 1] };
  const FORWARD = { forward_id: 'f1', data: [DATUM, { ...DATUM, reward: 0, traj_idx: 1 }] };
  const reinforce = differentiable((logprobs, data) => sum(logprobs.map((tokens, d) => tokens[1]!.mul(-data[d]!.reward))));

  test('is sent as minus its derivatives, with its value as a metric', async () => {
    await using service = await scriptedService(byPath({ [`${TRAIN}/forward`]: [[200, FORWARD]], [`${TRAIN}/backward`]: [[200, PASS]] }));
    const done = await clientOf(service).customLoss(INPUTS, reinforce, { groupSize: 2, rewardScale: 2, operationId: 'c' });
    expect(done).toMatchObject({ numDatums: 2, batch: { order: [0, 1] } });
    expect(service.seen.map(({ key }) => key)).toEqual(['c-forward', 'c-backward']);
    expect(service.seen[0]!.body).toMatchObject({ group_size: 2, reward_scale: 2 });
    expect(service.seen[1]!.body).toEqual({
      forward_id: 'f1',
      weights: [
        [0, 1],
        [0, 0],
      ],
      metrics: { custom_loss: 0.5 },
    });
  });

  test.each([
    { gradients: [[0, 1]], message: 'There are gradients for 1 datums, and 2 in the batch.' },
    { gradients: [[0, 1], [0]], message: 'Datum 1 has 2 tokens, its gradient 1.' },
    {
      gradients: [
        [0, 1],
        [0, Number.NaN],
      ],
      message: 'The gradient of token 1 of datum 1 is NaN',
    },
  ])('a gradient that does not fit is not sent: $message', async ({ gradients, message }) => {
    await using service = await scriptedService(byPath({ [`${TRAIN}/forward`]: [[200, FORWARD]] }));
    await expect(clientOf(service).customLoss(INPUTS, () => ({ gradients }))).rejects.toThrow(message);
    expect(service.seen).toHaveLength(1);
  });
});

describe('checkpoints', () => {
  const checkpoint = (id: string, prev: string | null, isActive = false): object => ({
    id,
    name: `step-${id}`,
    checkpoint_name: null,
    prev_model_checkpoint_id: prev,
    is_active: isActive,
    created_at: '2026-01-01T00:00:00Z',
    metrics: {},
    num_traces: null,
    num_datums: null,
    num_tokens: null,
    mean_reward: null,
    learning_rate: null,
    loss_fn: null,
  });
  const PATH = `/v2/models/${MODEL_ID}/checkpoints`;
  const TREE = [checkpoint('1', null), checkpoint('2', '1'), checkpoint('3', '1', true)];

  test('are listed, all or after one; the head is the active one, and can be moved; one is kept for good', async () => {
    const head = `/v2/models/${MODEL_ID}/head`;
    await using service = await scriptedService(
      byPath({
        [PATH]: [
          [200, TREE],
          [200, []],
        ],
        [head]: [[200, { id: MODEL_ID, checkpoint_id: '2' }]],
        [`${PATH}?after=2&limit=1`]: [[200, TREE.slice(2)]],
        [`${PATH}/2/pin`]: [[200, { ...TREE[1], has_state: true, is_pinned: true }]],
      }),
    );
    const trainer = clientOf(service);
    expect(await trainer.head()).toMatchObject({ id: '3', name: 'step-3', prevModelCheckpointId: '1' });
    expect(await trainer.head()).toBeUndefined();
    await trainer.setHead('2');
    expect(service.seen.at(-1)).toMatchObject({ method: 'PUT', path: head, body: { checkpoint_id: '2' } });
    expect(await trainer.checkpoints({ after: '2', limit: 1 })).toMatchObject([{ id: '3' }]);
    expect(await trainer.pin('2', true)).toMatchObject({ id: '2', hasState: true, isPinned: true });
    expect(service.seen.at(-1)).toMatchObject({ method: 'PUT', body: { is_pinned: true } });
  });

  test('say how old samples are, and samples that are too old are refused or left out', async () => {
    await using service = await scriptedService(({ path }) => [200, path === PATH ? TREE : PASS]);
    const trainer = clientOf(service);
    const runs = ['3', 'step-1', 'base', '2', undefined].map((name) =>
      trainedRun({ group: name ?? 'none', ...(name === undefined ? {} : { checkpoint: name }) }),
    );
    const { head, maxLag, unknown, samples } = await trainer.staleness([...runs, 'ff']);
    expect({ head, maxLag, unknown, lags: samples.map(({ lag }) => lag) }).toEqual({
      head: '3',
      maxLag: 2,
      unknown: 2,
      lags: [0, 1, 2, undefined, undefined],
    });
    await expect(trainer.forwardBackward(runs, { maxLag: 1 })).rejects.toThrow(
      'the checkpoint base that served sample 0 is 2 steps behind the head',
    );
    const { batch } = await trainer.forwardBackward(runs, { maxLag: 1, groupSize: 1, dropIncompleteGroups: true });
    expect(batch.order).toEqual([0, 1]);
    expect(service.seen.at(-1)?.body).not.toHaveProperty('max_lag');
    // What a trace was sampled by, the platform alone knows.
    await trainer.forwardBackward(['ff'], { maxLag: 1 });
    expect(service.seen.at(-1)?.body).toMatchObject({ inputs: ['ff'], max_lag: 1 });
    await expect(trainer.forwardBackward(['ff'], { maxLag: -1 })).rejects.toThrow('maxLag must be a whole number');
  });
});

test('without an address or a key nothing is made', () => {
  expect(() => new TrainingClient('', { apiKey: 'k', baseUrl: 'http://x' })).toThrow('needs the name of a model');
});
