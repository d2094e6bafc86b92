SELECT step(:client_id, 'host=' || current_setting('unix_socket_directories') || ' port=' || current_setting('port') || ' dbname=postgres');
