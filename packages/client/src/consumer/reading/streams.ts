import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { optionError } from '../../errors.ts'
import { checkNames } from '../../option-table.ts'
import type { AnyMessage } from '../message.ts'
import { MessagePull, type PullHost } from './message-pull.ts'
import type { ReadOptions } from './message-reader.ts'

export interface StreamOptions extends ReadOptions {
  /** How many messages the stream holds ahead of the application. Default 16. */
  readonly highWaterMark?: number | undefined
}

export interface StreamHost extends PullHost {
  readonly hasGroup: boolean
}

/** A stream of Node in object mode. */
export function nodeStream(host: StreamHost, options: StreamOptions): Readable {
  const highWaterMark = resolve('consumer.readable()', host, options)
  const pull = new MessagePull(host, options.signal)
  const fill = async (readable: Readable): Promise<void> => {
    const waiting = readable.readableLength
    const messages = await pull.next(Math.max(1, highWaterMark - waiting), waiting)
    if (messages.length === 0) readable.push(null)
    else for (const message of messages) readable.push(message)
  }
  return new Readable({
    objectMode: true,
    highWaterMark,
    read() {
      fill(this).catch((error: Error) => this.destroy(error))
    },
    destroy(error, callback) {
      pull.left(this.readableLength)
      pull.end()
      callback(error)
    },
  })
}

/** A stream as browsers have them. */
export function webStream<M extends AnyMessage>(host: StreamHost, options: StreamOptions): ReadableStream<M> {
  const highWaterMark = resolve('consumer.webStream()', host, options)
  const pull = new MessagePull(host, options.signal)
  let isOver = false
  return new ReadableStream<M>(
    {
      async pull(controller) {
        const waiting = () => highWaterMark - (controller.desiredSize ?? 0)
        if (!isOver) {
          const messages = await pull.next(Math.max(1, highWaterMark - waiting()), waiting())
          for (const message of messages) controller.enqueue(message as M)
          if (messages.length > 0) return
          isOver = true
        }
        // Otherwise it is called again when the next message has left: until then what is in the stream is in hand.
        if (waiting() > 0) return
        controller.close()
        pull.left(0)
        pull.end()
      },
      cancel() {
        pull.end()
      },
    },
    { highWaterMark },
  )
}

/** Returns the high watermark. */
function resolve(owner: string, { handOut, hasGroup }: StreamHost, options: StreamOptions): number {
  if (typeof options !== 'object' || options === null) throw optionError('options', owner, 'must be an object')
  checkNames(owner, ['highWaterMark', 'signal'], options)
  if (handOut.mark && hasGroup) {
    const problem = `must be 'manual' for ${owner}: a stream pulls ahead, and what it pulled is not processed`
    const hint = "Set commit: 'manual', and call consumer.commit(message) when you are done with it."
    throw optionError('commit', 'kafka.consumer()', problem, hint)
  }
  const { highWaterMark = 16 } = options
  if (Number.isSafeInteger(highWaterMark) && highWaterMark >= 1) return highWaterMark
  throw optionError('highWaterMark', owner, 'must be an integer of at least 1')
}
