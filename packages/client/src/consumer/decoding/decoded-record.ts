/** The key or the value of a message whose bytes are read on first access. Any other value may be the result of a serde. */
export const unread: unique symbol = Symbol('unread')

/** Key and value of a record, decoded; `unread`: bytes. */
export interface DecodedRecord {
  readonly key: unknown
  readonly value: unknown
}
