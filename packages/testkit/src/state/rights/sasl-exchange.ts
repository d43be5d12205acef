/** The outcome of one step of an authentication. An error ends it. */
export type SaslStep =
  | { readonly kind: 'continue'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'done'
      readonly bytes: Uint8Array
      readonly user: string
      /** Authenticated with a delegation token. */
      readonly isToken?: boolean
      /** Wall time when the credential expires; undefined: never. */
      readonly expiresAtMs?: number | undefined
    }
  /** `message` undefined: the client gets no details. */
  | { readonly kind: 'failed'; readonly message: string | undefined }
  /** Input on which Kafka's own code throws: the connection closes without a response. */
  | { readonly kind: 'tripped' }

/** An authentication in progress: each step takes the client's bytes and returns the broker's. */
export interface SaslExchange {
  step(bytes: Uint8Array): SaslStep
}
