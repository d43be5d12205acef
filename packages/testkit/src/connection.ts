/** What a listener with SASL keeps for a connection; the SASL handlers own `exchange`. */
export interface ConnectionAuth {
  /** The listener asks for authentication: until `principal` is set only ApiVersions, SaslHandshake and SaslAuthenticate are answered. */
  readonly required: boolean
  /** `User:alice` once authenticated; `User:ANONYMOUS` where nothing is asked for. */
  principal: string | undefined
  /** The mechanism chosen by SaslHandshake, and the state of its exchange. */
  mechanism: string | undefined
  exchange: unknown
}

/** A client's connection, as handlers see it. */
export interface Connection {
  readonly id: number
  readonly auth: ConnectionAuth
  /** Closes once the answer of the request at hand is written: after a failed authentication. */
  closeAfterResponse(): void
}
