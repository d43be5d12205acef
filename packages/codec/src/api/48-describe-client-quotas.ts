import { api } from '../schema/api.ts'
import { array, bool, float64, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeClientQuotas = /* @__PURE__ */ api({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    components: array({ entityType: string(), matchType: int8(), match: string({ nullable: true }) }),
    strict: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    entries: array(
      {
        entity: array({ entityType: string(), entityName: string({ nullable: true }) }),
        values: array({ key: string(), value: float64() }),
      },
      { nullable: true },
    ),
  },
})

export interface DescribeClientQuotasRequest extends Encodable<typeof DescribeClientQuotas.request> {}
export interface DescribeClientQuotasResponse extends Decoded<typeof DescribeClientQuotas.response> {}
