import { randomBytes } from 'node:crypto'

/** A name no other test uses: the real brokers outlive a test file. */
export function uniqueName(base: string): string {
  return `${base}-${randomBytes(4).toString('hex')}`
}
