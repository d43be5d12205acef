import { Produce } from '@ottla/codec'
import { type Release, versionsIn } from '../releases.ts'
import type { HandlerEntry } from './handler.ts'

export interface AdvertisedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

let apis: readonly AdvertisedApi[] = []

/** What ApiVersions tells; the table of handlers sets it, for one of the handlers answers with it. */
export function advertised(release: Release | undefined): readonly AdvertisedApi[] {
  return apis.flatMap((api) => versionsIn(release, api.apiKey, api) ?? [])
}

export function advertise(handlers: readonly HandlerEntry[]): void {
  apis = handlers.map(({ api, minVersion, maxVersion }) => ({
    apiKey: api.key,
    // Kafka says so too, though it answers from 3 on: librdkafka compresses only when it sees version 0 (KAFKA-18659).
    minVersion: api.key === Produce.key ? 0 : minVersion,
    maxVersion,
  }))
}
