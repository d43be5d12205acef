import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { type BrokerAddress, describeBroker, KafkaError, optionError } from '../../errors.ts'
import { showOnly } from '../../redact.ts'
import type { Credentials, SaslExchange, SaslMechanism, UserPassword } from './mechanism.ts'
import { credentialReader } from './plain.ts'

const derive = promisify(pbkdf2)

const leastIterations = 4_096
const mostIterationsByDefault = 65_536
const longestMessageBytes = 4_096
const nonceBytes = 24
const cachedKeys = 4

export interface ScramOptions {
  /**
   * The maximum number of hash iterations that a broker may request: without a limit a hostile one could use up this machine's
   * CPU. Kafka itself allows 16 384. Default 65 536.
   */
  readonly maxIterations?: number | undefined
}

interface Hash {
  readonly mechanism: string
  readonly digest: 'sha256' | 'sha512'
  readonly bytes: number
}

/** SASL/SCRAM-SHA-256 (RFC 5802, RFC 7677): the password is never sent, and the broker proves that it has it. */
export function scramSha256(credentials: Credentials, options?: ScramOptions): SaslMechanism {
  return scram({ mechanism: 'SCRAM-SHA-256', digest: 'sha256', bytes: 32 }, credentials, options)
}

/** SASL/SCRAM-SHA-512. */
export function scramSha512(credentials: Credentials, options?: ScramOptions): SaslMechanism {
  return scram({ mechanism: 'SCRAM-SHA-512', digest: 'sha512', bytes: 64 }, credentials, options)
}

function scram(hash: Hash, credentials: Credentials, options: ScramOptions = {}): SaslMechanism {
  const { maxIterations = mostIterationsByDefault } = options
  if (!Number.isInteger(maxIterations) || maxIterations < leastIterations) {
    throw optionError('maxIterations', hash.mechanism, `must be an integer of at least ${leastIterations}`)
  }
  const read = credentialReader(hash.mechanism, credentials)
  const cache = new Map<string, Promise<Buffer>>()
  const mechanism: SaslMechanism = {
    name: hash.mechanism,
    cleartext: false,
    authenticate: async (exchange) => converse(exchange, { hash, maxIterations, cache, user: await read() }),
  }
  return Object.freeze(showOnly(mechanism, () => ({ mechanism: hash.mechanism, credentials: '[redacted]' })))
}

interface Conversation {
  readonly hash: Hash
  readonly maxIterations: number
  /** Salted passwords, in memory only, so that a new connection does not repeat the iterations. */
  readonly cache: Map<string, Promise<Buffer>>
  readonly user: UserPassword
}

async function converse(exchange: SaslExchange, conversation: Conversation): Promise<void> {
  const { hash, user } = conversation
  const fail = (reason: string): never => refuse(hash, exchange.broker, reason)
  const nonce = Buffer.from(exchange.runtime.secureRandom(nonceBytes)).toString('base64')
  const clientFirst = `n=${escapeName(user.username)},r=${nonce}`
  const serverFirst = readText(await exchange.send(Buffer.from(`n,,${clientFirst}`, 'utf8')), fail)
  const challenge = parseChallenge(serverFirst, nonce, conversation.maxIterations, fail)
  const salted = await saltedPassword(exchange, conversation, challenge)

  const clientKey = hmac(hash, salted, 'Client Key')
  const storedKey = createHash(hash.digest).update(clientKey).digest()
  const withoutProof = `c=biws,r=${challenge.nonce}`
  const signed = `${clientFirst},${serverFirst},${withoutProof}`
  const signature = hmac(hash, storedKey, signed)
  const proof = Buffer.alloc(hash.bytes)
  for (let i = 0; i < hash.bytes; i++) proof[i] = clientKey[i]! ^ signature[i]!

  const final = `${withoutProof},p=${proof.toString('base64')}`
  const serverFinal = readText(await exchange.send(Buffer.from(final, 'utf8')), fail)
  checkServer(serverFinal, hmac(hash, hmac(hash, salted, 'Server Key'), signed), fail)
}

interface Challenge {
  readonly nonce: string
  readonly salt: Buffer
  readonly iterations: number
}

type Fail = (reason: string) => never

const challengePattern = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9]\d{0,9})$/

function parseChallenge(message: string, clientNonce: string, maxIterations: number, fail: Fail): Challenge {
  const refusal = /^e=([\w-]+)/.exec(message)
  if (refusal !== null) fail(`the broker reports '${refusal[1]}'`)
  if (message.startsWith('m=')) fail('the broker requires an unknown extension')
  const match = challengePattern.exec(message)
  if (match === null) return fail('the challenge of the broker is malformed')
  const [, nonce, salt, count] = match
  if (!nonce!.startsWith(clientNonce) || nonce!.length <= clientNonce.length) {
    fail('the nonce of the broker does not continue that of the client')
  }
  const iterations = Number(count)
  if (iterations < leastIterations) fail(`the broker requests ${iterations} iterations, fewer than ${leastIterations}`)
  if (iterations > maxIterations) {
    fail(`the broker requests ${iterations} iterations, more than maxIterations (${maxIterations})`)
  }
  return { nonce: nonce!, salt: strictBase64(salt!, fail), iterations }
}

function checkServer(message: string, expected: Buffer, fail: Fail): void {
  const refusal = /^e=([\w-]+)/.exec(message)
  if (refusal !== null) fail(`the broker reports '${refusal[1]}'`)
  const match = /^v=([A-Za-z0-9+/=]+)(?:,|$)/.exec(message)
  const given = match === null ? undefined : strictBase64(match[1]!, fail)
  if (given === undefined) fail('the broker did not prove that it has the password')
  if (given?.length !== expected.length || !timingSafeEqual(given, expected)) {
    fail('the signature of the broker is wrong: it does not have the password')
  }
}

async function saltedPassword(
  { runtime }: SaslExchange,
  { hash, cache, user }: Conversation,
  { salt, iterations }: Challenge,
): Promise<Buffer> {
  // Not normalised (SASLprep): neither Kafka nor its Java client does it.
  const { password } = user
  // The key contains the password, as a digest, because credentials may be rotated.
  const digest = createHash(hash.digest).update(password).digest('base64')
  const key = `${iterations} ${salt.toString('base64')} ${digest}`
  let salted = cache.get(key)
  if (salted === undefined) {
    salted = runtime.work(() => derive(password, salt, iterations, hash.bytes, hash.digest))
    if (cache.size >= cachedKeys) cache.delete(cache.keys().next().value!)
    cache.set(key, salted)
    salted.catch(() => cache.delete(key))
  }
  return salted
}

function hmac(hash: Hash, key: Buffer, text: string): Buffer {
  return createHmac(hash.digest, key).update(text, 'utf8').digest()
}

/** RFC 5802: ',' and '=' are delimiters. */
export function escapeName(name: string): string {
  return name.replace(/=/g, '=3D').replace(/,/g, '=2C')
}

function readText(bytes: Uint8Array, fail: Fail): string {
  if (bytes.byteLength > longestMessageBytes) fail('the broker sent a message that is too long')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Buffer ignores characters that are not base64; here they are an error. */
function strictBase64(value: string, fail: Fail): Buffer {
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length === 0 || bytes.toString('base64') !== value) fail('the broker sent malformed base64')
  return bytes
}

function refuse(hash: Hash, broker: BrokerAddress, reason: string): never {
  throw new KafkaError(
    'SASL_AUTHENTICATION_FAILED',
    `SASL ${hash.mechanism} authentication failed (${describeBroker(broker)}): ${reason}`,
    { broker, fatal: true, hint: 'Check user name, password and mechanism of the `sasl` option.' },
  )
}
