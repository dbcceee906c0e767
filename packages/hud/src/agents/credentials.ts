/** Whose key opens a model: what the caller passed, the vendor's own, or the gateway's. */
import { HudError } from '../protocol/errors.ts';
import { gatewayUrl, readSetting } from '../host/settings.ts';
import { rememberSecret } from '../telemetry/redaction/secrets.ts';

export interface Vendor {
  /** For messages: `Claude`, `OpenAI`. */
  label: string;
  keyVariable: string;
  /** Where the vendor's own SDK looks for another server. */
  baseUrlVariable?: string;
}

export interface Credentials {
  apiKey: string;
  /** Absent: the vendor's own address. */
  baseUrl?: string;
  isGateway: boolean;
}

/**
 * What a gateway is told beside the request; nothing where requests go straight to a vendor.
 * @throws HudError REPLAY_IMPOSSIBLE when a vendor would be asked in place of a recording
 */
export function gatewayHeaders({ isGateway }: Pick<Credentials, 'isGateway'>, { traceId, replayOf }: RunIds): Record<string, string> {
  if (isGateway) return { 'Trace-Id': traceId, ...(replayOf === undefined ? {} : { 'Hud-Replay': replayOf }) };
  if (replayOf === undefined) return {};
  throw new HudError('MODEL_BAD_REQUEST', "A replay is answered by a platform's gateway, and this agent calls its vendor.", {
    hint: 'Set `via: "gateway"`, with HUD_BASE_URL and HUD_API_KEY.',
    data: { noRetry: true },
  });
}

interface RunIds {
  traceId: string;
  replayOf?: string;
}

/** @throws HudError MODEL_KEY_MISSING naming the variables, and how to go on without any key */
export function findCredentials(config: { apiKey?: string; baseUrl?: string; via?: 'provider' | 'gateway' }, vendor: Vendor): Credentials {
  if (config.apiKey !== undefined) rememberSecret(vendor.keyVariable, config.apiKey);
  const ownUrl = config.baseUrl ?? (vendor.baseUrlVariable === undefined ? undefined : readSetting(vendor.baseUrlVariable));
  const ownKey = config.apiKey ?? readSetting(vendor.keyVariable) ?? (config.baseUrl === undefined ? undefined : 'none');
  if (config.via !== 'gateway' && ownKey !== undefined) {
    return { apiKey: ownKey, isGateway: false, ...(ownUrl === undefined ? {} : { baseUrl: ownUrl }) };
  }
  const gateway = gatewayUrl();
  const gatewayKey = readSetting('HUD_API_KEY');
  if (config.via !== 'provider' && gateway !== undefined && gatewayKey !== undefined) {
    return { apiKey: gatewayKey, baseUrl: gateway, isGateway: true };
  }
  const wanted = config.via === 'gateway' ? 'HUD_API_KEY and HUD_BASE_URL' : vendor.keyVariable;
  throw new HudError('MODEL_KEY_MISSING', `${vendor.label} needs a key: ${wanted} is not set.`, {
    hint: `Run \`hud set ${vendor.keyVariable}=…\`, or use a gateway with HUD_BASE_URL and HUD_API_KEY. Without any key, the agents oracle and nop work.`,
  });
}
