/**
 * Who may do what on a control port.
 *
 * - The *control secret* of a server, where it has one, opens control sessions. Without it a peer is
 *   let in only from loopback, and not at all when the secret is required.
 * - The *session secret* opens one session again after its connection was lost.
 * - A *ticket* opens streams to one capability of one session and gives no right to control anything.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Peer } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import { RPC } from '../protocol/messages.ts';

export interface AccessOptions {
  /** The control secret; any text. Without one, whoever reaches the port may control it. */
  secret?: string;
  /** Demand the secret (and tickets) from loopback peers too, which shuts Python peers out. @default false */
  requireSecret?: boolean;
  /** Show reference solutions to clients that did not present the secret. @default false */
  allowSolutions?: boolean;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #ticketKey: string;

  /** @param ticketKey unpredictable text, fresh for each server */
  constructor(options: AccessOptions, ticketKey: string) {
    if (options.requireSecret && !options.secret) {
      throw new HudError('BAD_ARGUMENT', 'A secret is required but none is set.', { hint: 'Pass a secret together with requireSecret.' });
    }
    this.#options = options;
    this.#ticketKey = ticketKey;
  }

  /**
   * May this peer control the server?
   * @returns whether it proved to know the secret
   * @throws HudError UNAUTHORIZED
   */
  control(peer: Peer, shown: string | undefined): { isOwner: boolean } {
    const { secret, requireSecret } = this.#options;
    if (secret === undefined) return { isOwner: false };
    if (shown === undefined && peer.isLoopback && !requireSecret) return { isOwner: false };
    if (shown !== undefined && sameText(shown, secret)) return { isOwner: true };
    throw unauthorized(shown === undefined ? 'This environment demands a control secret.' : 'The control secret is wrong.');
  }

  /** @throws HudError UNAUTHORIZED */
  stream(peer: Peer, capability: string, shown: { sessionId?: string | undefined; ticket?: string | undefined }): void {
    const { secret, requireSecret } = this.#options;
    if (shown.ticket !== undefined && sameText(shown.ticket, this.ticket(shown.sessionId ?? '', capability))) return;
    if (shown.ticket === undefined && (secret === undefined || (peer.isLoopback && !requireSecret))) return;
    throw unauthorized(`The stream to '${capability}' demands a ticket of a control session.`);
  }

  ticket(sessionId: string, capability: string): string {
    return createHmac('sha256', this.#ticketKey).update(`${sessionId}\0${capability}`).digest('hex');
  }

  /** @throws HudError UNAUTHORIZED */
  solutions(isOwner: boolean): void {
    if (isOwner || this.#options.allowSolutions) return;
    throw unauthorized(
      'This environment shows its solutions only to whoever placed it.',
      'Serve it with --allow-solutions, or let the runtime start it.',
    );
  }
}

/** Equal, in time that depends on the length alone. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function unauthorized(message: string, hint = 'Pass the secret that the environment was started with.'): HudError {
  return new HudError('UNAUTHORIZED', message, { rpcCode: RPC.unauthorized, hint });
}
