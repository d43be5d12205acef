import { message } from '../schema/api.ts'
import { bool, string } from '../schema/fields.ts'
import type { Decoded } from '../schema/infer.ts'

export const DefaultPrincipalData = /* @__PURE__ */ message({
  name: 'DefaultPrincipalData',
  versions: '0',
  flexible: '0+',
  fields: { type: string(), name: string(), tokenAuthenticated: bool() },
})

export interface DefaultPrincipalData extends Decoded<typeof DefaultPrincipalData> {}
