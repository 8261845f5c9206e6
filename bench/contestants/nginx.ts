import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, which } from '../program.ts';
import type { Contestant, Place } from './contestant.ts';

/**
 * nginx as someone would set it up in front of engines: kept-alive upstreams in turn, request bodies held in memory,
 * answers not buffered (streams could not be served otherwise), every request in an access log file.
 */
export function nginxConf({ engines, port, dir }: Place): string {
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${join(dir, 'nginx.pid')};
error_log ${join(dir, 'error.log')} warn;
events { worker_connections 16384; }
worker_rlimit_nofile 65536;
http {
  access_log ${join(dir, 'access.log')} combined;
  client_body_temp_path ${join(dir, 'body')};
  proxy_temp_path ${join(dir, 'proxy')};
  fastcgi_temp_path ${join(dir, 'fastcgi')};
  uwsgi_temp_path ${join(dir, 'uwsgi')};
  scgi_temp_path ${join(dir, 'scgi')};
  keepalive_requests 1000000000;
  client_max_body_size 32m;
  client_body_buffer_size 1m;
  upstream engines {
${engines.map((authority) => `    server ${authority};`).join('\n')}
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://engines;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_buffering off;
      proxy_read_timeout 15m;
    }
  }
}
`;
}

export const nginx: Contestant = {
  name: 'nginx',
  about: 'one worker, kept-alive upstreams, proxy_buffering off, access log to a file',
  prepare() {
    if (!which('nginx')) throw new Error('nginx is missing: apt-get install nginx-light (or leave it out with --only)');
  },
  start(place) {
    mkdirSync(place.dir, { recursive: true });
    const conf = join(place.dir, 'nginx.conf');
    writeFileSync(conf, nginxConf(place));
    const command = [which('nginx') ?? 'nginx', '-c', conf, '-e', join(place.dir, 'error.log')];
    return start({ name: 'nginx', core: place.core, command, dir: place.dir });
  },
};
