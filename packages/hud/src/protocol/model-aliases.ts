/** Short names of models that agents and gateways take for the ones on the right. */
export const MODEL_ALIASES: Readonly<Record<string, string>> = {
  'deepseek-v4': 'deepseek/deepseek-v4-pro',
  'deepseek-v4-pro': 'deepseek/deepseek-v4-pro',
  'deepseek-v4-flash': 'deepseek/deepseek-v4-flash',
  'glm-5.2': 'z-ai/glm-5.2',
  'kimi-2.6': 'moonshotai/kimi-k2.6',
  'kimi-k2.6': 'moonshotai/kimi-k2.6',
  'minimax-m3': 'MiniMax-M3',
  'minimax-m2.7': 'MiniMax-M2.7',
  'minimax-m2.5': 'MiniMax-M2.5',
};
