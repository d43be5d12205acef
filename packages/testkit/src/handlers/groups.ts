import type { HandlerEntry } from './handler.ts'

/** Groups, their offsets, and SASL: 8–17, 36, 42, 47. */
export const groupHandlers: readonly HandlerEntry[] = []
