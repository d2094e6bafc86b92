/*-------------------------------------------------------------------------
 *
 * floor_lookup.c
 *		The floor of looking up accounts by id, one after another.
 *
 *	floor_lookup COUNT
 *
 *-------------------------------------------------------------------------
 */
#include "floor_client.h"
#include "floor_record.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int count, char **arguments)
{
	CURL	   *handle = floor_handle();
	FloorBody	body = {0};
	long		wanted;

	if (count != 2)
		floor_fail("usage: floor_lookup COUNT");
	wanted = strtol(arguments[1], NULL, 10);
	for (long id = 0; id <= wanted; id++)
	{
		char		path[128];
		FloorAccount account;
		json_t	   *value;

		/* the first one warms the connection */
		snprintf(path, sizeof(path), FLOOR_LIST "/%ld", id == 0 ? 1 : id);
		floor_get(handle, path, &body);
		value = floor_parse(body.data, body.length);
		floor_account_decode(value, &account);
		json_decref(value);
		if (id == 0)
			floor_begin();
	}
	floor_report(wanted);
	curl_easy_cleanup(handle);
	free(body.data);
	return 0;
}
