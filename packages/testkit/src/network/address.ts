/** The host of an option: brackets around an IPv6 address are optional. */
export const bareHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

/** `host:port` as clients parse it: an IPv6 address is in brackets. */
export function addressText(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
