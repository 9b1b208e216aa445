<?php
// Adminer as Debian brings it, for the stack's databases only and without its question for new versions.
const FOLDER = '/usr/share/adminer';

function adminer_object() {
    foreach (['plugin', 'login-servers', 'version-noverify'] as $name) {
        require_once FOLDER . "/plugins/$name.php";
    }
    $servers = [
        'PostgreSQL' => ['server' => getenv('POSTGRES_HOST') . ':' . getenv('POSTGRES_PORT'), 'driver' => 'pgsql'],
        'MySQL' => ['server' => getenv('MYSQL_HOST') . ':' . getenv('MYSQL_PORT'), 'driver' => 'server'],
    ];
    return new AdminerPlugin([new AdminerVersionNoverify(), new AdminerLoginServers($servers)]);
}

include FOLDER . '/adminer.php';
