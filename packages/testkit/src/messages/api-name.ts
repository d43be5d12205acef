import type { Api, Decoded } from '@ottla/codec'

type Codec = typeof import('@ottla/codec')

/** The names of Kafka's APIs, as the codec exports them. */
export type ApiName = { [K in keyof Codec]: Codec[K] extends Api ? K : never }[keyof Codec]

/** The decoded request of an API. */
export type RequestOf<A extends ApiName> = Codec[A] extends Api ? Decoded<Codec[A]['request']> : never
