// A package registry for one test: it has the tarballs of artifacts/ under their names, and redirects all other requests to the
// registry that npm is configured for. With it `npm install ottla` works before the packages are published.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

/**
 * @param {string} artifacts the folder of the tarballs
 * @param {string} upstream the URL of the registry for all other packages
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function stubRegistry(artifacts, upstream) {
  /** @type {Map<string, { manifest: Record<string, unknown> & { name: string, version: string }, bytes: Buffer }>} */
  const packages = new Map()
  for (const file of readdirSync(artifacts).filter((name) => name.endsWith('.tgz'))) {
    const listed = spawnSync('tar', ['-xOzf', join(artifacts, file), 'package/package.json'], { encoding: 'utf8' })
    const manifest = JSON.parse(listed.stdout)
    packages.set(manifest.name, { manifest, bytes: readFileSync(join(artifacts, file)) })
  }
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1)
    const packed = packages.get(path.replace(/\.tgz$/, ''))
    if (path.endsWith('.tgz') && packed) return response.end(packed.bytes)
    const found = packages.get(path)
    if (!found) return response.writeHead(302, { location: new URL(request.url ?? '', upstream).href }).end()
    const { manifest, bytes } = found
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    const tarball = `http://${request.headers.host}/${manifest.name}.tgz`
    const versions = { [manifest.version]: { ...manifest, dist: { tarball, integrity } } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name: manifest.name, 'dist-tags': { latest: manifest.version }, versions }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The registry has no port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
