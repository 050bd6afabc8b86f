/*
 * bridge_name.c
 *
 * Names and comments on their way between the server, which has them in the
 * database's encoding, and the lake, which has UTF-8. Where both are the
 * same, as nearly everywhere, nothing is copied; what one side can't say is
 * an error of the server's own conversion (22P05, 22021).
 *
 * A warehouse is not converted: the server, too, takes paths as bytes.
 */
#include "bridge.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

char *
pfdw_name_to_lake(const char *name)
{
	return pg_server_to_any(name, (int) strlen(name), PG_UTF8);
}

char *
pfdw_name_from_lake(const char *name)
{
	return pg_any_to_server(name, (int) strlen(name), PG_UTF8);
}

const char *
pfdw_relation_column_name(Oid relid, AttrNumber attnum, const char *attname)
{
	List *options = GetForeignColumnOptions(relid, attnum);
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *def = lfirst_node(DefElem, cell);

		if (strcmp(def->defname, "column_name") == 0)
			return pfdw_name_to_lake(pstrdup(defGetString(def)));
	}
	return pfdw_name_to_lake(attname);
}

char *
pfdw_shown_from_lake(const char *text)
{
	/* As Java shows bytes that are no text; U+FFFD. */
	const char *mark = GetDatabaseEncoding() == PG_UTF8 ? "\xEF\xBF\xBD" : "?";
	int left = (int) strlen(text);
	StringInfoData copy;

	if (pg_encoding_verifymbstr(PG_UTF8, text, left) == left)
		return pfdw_name_from_lake(text);
	initStringInfo(&copy);
	while (left > 0)
	{
		int size = pg_encoding_verifymbchar(PG_UTF8, text, left);

		if (size > 0)
			appendBinaryStringInfo(&copy, text, size);
		else
			appendStringInfoString(&copy, mark);
		size = Max(size, 1);
		text += size;
		left -= size;
	}
	return pfdw_name_from_lake(copy.data);
}
