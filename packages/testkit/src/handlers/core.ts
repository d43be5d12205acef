import type { HandlerEntry } from './handler.ts'

/** Records, topics, metadata, configs. */
export const coreHandlers: readonly HandlerEntry[] = []
