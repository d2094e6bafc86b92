/*-------------------------------------------------------------------------
 *
 * project.c
 *	  The call about projects themselves.
 *
 * Owns what that list shows of a project.  Must not know of memberships.
 *
 *-------------------------------------------------------------------------
 */
#include "project.h"

#include "list.h"
#include "world.h"

static void
write_project(SimText *text, const SimRow *row, const SimConfig *config)
{
	const SimProject *project = row->project;

	(void) config;
	sim_text_comma(text);
	sim_text_printf(text, "{\"id\":%lld,\"name\":",
					(long long) project->id);
	sim_text_quote(text, project->name);
	if (project->domain != NULL)
	{
		sim_text_puts(text, ",\"domain\":");
		sim_text_quote(text, project->domain);
	}
	sim_text_puts(text, "}");
}

void
sim_project_list(SimCall *call, SimAnswer *answer)
{
	const SimIndex *all = &call->world->state->projects;
	SimList		list = {0};

	for (size_t i = 0; i < all->size; i++)
	{
		const SimProject *project = all->items[i];

		if (project->organization == call->organization)
			sim_list_add_project(&list, project);
	}
	sim_list_answer(call, answer, &list, write_project);
}
