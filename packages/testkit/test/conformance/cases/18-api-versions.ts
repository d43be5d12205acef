import { ApiVersions } from '@ottla/codec'
import { conformance } from '../case.ts'

const software = { clientSoftwareName: 'ottla', clientSoftwareVersion: '1.0' }

export const apiVersions = conformance(ApiVersions, {
  async valid(stage) {
    await stage.ask('asks', software)
  },
  async invalid(stage) {
    await stage.ask('an empty name', { ...software, clientSoftwareName: '' })
    await stage.ask('a strange version', { ...software, clientSoftwareVersion: '1 0' })
  },
  async wrongState(stage) {
    await stage.ask('once', software)
    await stage.ask('again on the same connection', software)
  },
})
