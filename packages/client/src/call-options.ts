/** The options of a call that may wait for the cluster. */
export interface CallOptions {
  /** For the whole call, retries included. Default: the client's `apiTimeoutMs`, unless the call says otherwise. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CloseOptions {
  /** From the call until everything is closed; what is not finished by then is aborted. Default 10 000. */
  readonly timeoutMs?: number | undefined
}
