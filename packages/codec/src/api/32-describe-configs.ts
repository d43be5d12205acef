import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, list, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const DescribeConfigs = /* @__PURE__ */ api({
  key: 32,
  name: 'DescribeConfigs',
  versions: '1-4',
  flexible: '4+',
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: list(string(), { nullable: true }),
    }),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ versions: '3+', default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: true }),
        readOnly: bool(),
        configSource: int8({ default: -1, ignorable: true }),
        isSensitive: bool(),
        synonyms: array({ name: string(), value: string({ nullable: true }), source: int8() }, { ignorable: true }),
        configType: int8({ versions: '3+', default: 0, ignorable: true }),
        documentation: string({ versions: '3+', nullable: true, ignorable: true }),
      }),
    }),
  },
})

export interface DescribeConfigsRequest extends Encodable<typeof DescribeConfigs.request> {}
export interface DescribeConfigsResponse extends Decoded<typeof DescribeConfigs.response> {}
