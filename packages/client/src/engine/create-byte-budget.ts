import { ByteBudget } from '../consumer/fetching/byte-budget.ts'
import { integer, resolveOptions } from '../option-table.ts'

export interface ByteBudgetOptions {
  /** Maximum of fetched and decompressed bytes that wait for delivery, of all consumers together. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

/** Every option of a budget with its default. */
const byteBudgetOptions = Object.freeze({ maxBytes: integer(64 << 20, 1) })

/**
 * A budget for the option `fetchBudget` of several consumers. Half of it is divided equally among those that have started, so that none
 * waits for another one; the rest is used by those that need it. One batch of each consumer always passes.
 */
export function createByteBudget(options: ByteBudgetOptions = {}): ByteBudget {
  return new ByteBudget(resolveOptions('createByteBudget()', byteBudgetOptions, options).maxBytes)
}
