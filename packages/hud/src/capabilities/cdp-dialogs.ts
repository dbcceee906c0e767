/** Answers the dialogs that stop a page: alert, confirm, prompt, and the question before it is left. */
import type { JsonObject } from '../protocol/json.ts';
import type { CdpConnection } from './cdp-connection.ts';

export interface RecordedDialog {
  type: 'alert' | 'confirm' | 'prompt' | 'beforeunload';
  message: string;
  /** Of the page that opened it. */
  url: string;
  isAccepted: boolean;
}

/** A function decides for each; the text that it returns is entered into a prompt, which takes its own default otherwise. */
export type DialogPolicy = 'accept' | 'dismiss' | ((dialog: Omit<RecordedDialog, 'isAccepted'>) => boolean | string);

const MAX_RECORDED = 100;

/** From now on, for all sessions of the connection that have the page's events enabled. */
export function answerDialogs(
  connection: CdpConnection,
  { policy, record }: { policy: () => DialogPolicy; record: RecordedDialog[] },
): void {
  connection.listen(({ method, params, sessionId }) => {
    if (method === 'Page.javascriptDialogOpening') void answer(connection, { params, sessionId, policy: policy(), record });
  });
}

interface Opening {
  params: JsonObject;
  sessionId: string | undefined;
  policy: DialogPolicy;
  record: RecordedDialog[];
}

async function answer(connection: CdpConnection, { params, sessionId, policy, record }: Opening): Promise<void> {
  const dialog = { type: params.type as RecordedDialog['type'], message: String(params.message), url: String(params.url) };
  const chosen = typeof policy === 'function' ? policy(dialog) : policy === 'accept';
  const promptText = typeof chosen === 'string' ? chosen : String(params.defaultPrompt ?? '');
  try {
    await connection.send('Page.handleJavaScriptDialog', { accept: chosen !== false, promptText }, { sessionId });
  } catch {
    return; // another session of the same page was first, or the page is gone: nothing stops it any more
  }
  record.push({ ...dialog, isAccepted: chosen !== false });
  if (record.length > MAX_RECORDED) record.shift();
}
