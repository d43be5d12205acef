import { api } from '../schema/api.ts'
import { array, bool, float64, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const AlterClientQuotas = /* @__PURE__ */ api({
  key: 49,
  name: 'AlterClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    entries: array({
      entity: array({ entityType: string(), entityName: string({ nullable: true }) }),
      ops: array({ key: string(), value: float64(), remove: bool() }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    entries: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      entity: array({ entityType: string(), entityName: string({ nullable: true }) }),
    }),
  },
})

export interface AlterClientQuotasRequest extends Encodable<typeof AlterClientQuotas.request> {}
export interface AlterClientQuotasResponse extends Decoded<typeof AlterClientQuotas.response> {}
